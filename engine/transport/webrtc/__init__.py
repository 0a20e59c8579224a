"""WebRTC peers: one media clock per peer, encoders off the event loop, aiortc for the wire."""

from engine.transport.webrtc.described import PATHS
from engine.transport.webrtc.routes import WebRtcApi

__all__ = ["PATHS", "WebRtcApi"]
