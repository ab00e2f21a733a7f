// The time of the frame that the annotator sees.

export class FrameClock {
  constructor(video) {
    this.video = video;
    this.frame = null;
    this.exact = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    this.running = true;
    if (this.exact) {
      const note = (now, metadata) => {
        if (!this.running) return;
        this.frame = metadata.mediaTime;
        video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
      // Until the frame after a seek is shown, the last one tells nothing.
      this.forget = () => { this.frame = null; };
      video.addEventListener("seeking", this.forget);
    }
  }

  // Seconds of video time: the frame's own time stamp where the browser tells it.
  time() {
    return this.frame ?? this.video.currentTime;
  }

  stop() {
    this.running = false;
    if (this.forget) this.video.removeEventListener("seeking", this.forget);
  }
}
