// A page that was opened from the disk may not start a worker, and the search is one: there it runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(address) {
      this.onmessage = this.onerror = this.onmessageerror = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const room = this.frame.contentWindow;
      // Copies, as a worker's messages are: either side changes what it has.
      room.postMessage = (data) => setTimeout((copy) => this.onmessage?.({ data: copy }), 0, structuredClone(data));
      this.ready = new Promise((loaded, failed) => {
        const script = room.document.createElement("script");
        script.src = address;
        script.onload = () => loaded(room);
        script.onerror = failed;
        room.document.body.append(script);
      });
      this.ready.catch((event) => this.onerror?.(event));
    }

    postMessage(data) {
      const copy = structuredClone(data);
      this.ready.then((room) => room.onmessage({ data: copy }), () => {});
    }

    terminate() {
      this.frame.remove();
    }
  };
}
