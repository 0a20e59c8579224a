/**
 * Measures, in a page under test, how loud microphone and tutor are and when events come, on one clock.
 * An init script: `ears.levels` is [[seconds, microphone, tutor], …] every 10 ms, `ears.events` [[seconds, message], …].
 */
window.ears = { levels: [], events: [] };
{
  const context = new AudioContext({ latencyHint: "interactive" });
  const code = `registerProcessor("ears", class extends AudioWorkletProcessor {
    #sums = [0, 0];
    #blocks = 0;
    process(inputs) {
      inputs.forEach(([pcm], who) => { for (const x of pcm ?? []) this.#sums[who] += x * x; });
      if (++this.#blocks * 128 >= sampleRate / 100) {
        const level = (sum) => Math.sqrt(sum / (this.#blocks * 128));
        this.port.postMessage([currentTime, level(this.#sums[0]), level(this.#sums[1])]);
        this.#sums = [0, 0];
        this.#blocks = 0;
      }
      return true;
    }
  });`;
  const ready = context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))).then(() => {
    const node = new AudioWorkletNode(context, "ears", { numberOfInputs: 2, numberOfOutputs: 0, channelCount: 1 });
    node.port.onmessage = ({ data }) => ears.levels.push(data);
    return node;
  });
  const hear = (stream, who) => ready.then((node) => context.createMediaStreamSource(stream).connect(node, 0, who));

  const media = navigator.mediaDevices;
  const getUserMedia = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    const stream = await getUserMedia(wanted);
    hear(stream, 0);
    return stream;
  };

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...all) {
      super(...all);
      window.pc = this;
      this.addEventListener("track", ({ track }) => track.kind === "audio" && hear(new MediaStream([track]), 1));
    }
    createDataChannel(...all) {
      const channel = super.createDataChannel(...all);
      channel.addEventListener("message", ({ data }) => ears.events.push([context.currentTime, JSON.parse(data)]));
      return channel;
    }
  };
}
