"""Encoding and packaging of a reply: MP4 clips, fragments for streaming, WAV."""

from engine.transport.media.clips import ClipWriter, encode_idle, wav
from engine.transport.media.encoders import MediaFormat, h264_encoder
from engine.transport.media.fragments import FragmentWriter

__all__ = ["ClipWriter", "FragmentWriter", "MediaFormat", "encode_idle", "h264_encoder", "wav"]
