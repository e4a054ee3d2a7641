// Looks for a QR code in what a camera sees.

/** Frames a second that are searched: more warms the phone, fewer feels slow. */
const LOOK_EVERY_MS = 150;
/** A code of this app fills a good part of the view; more pixels only cost time. */
const SEARCHED_PX_MAX = 640;

type Search = (data: Uint8ClampedArray, width: number, height: number) => { readonly data: string } | null;

/** Loaded when somebody scans: it is a fifth of the page otherwise. */
async function loadSearch(): Promise<Search> {
  const { default: jsQr } = await import('jsqr');
  return jsQr.default;
}

/** Calls back with each code seen until the returned is called. */
export async function scan(video: HTMLVideoElement, found: (text: string) => void): Promise<() => void> {
  const search = await loadSearch();
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = () => {
    const { videoWidth, videoHeight } = video;
    if (context === null || videoWidth === 0) return;
    const scale = Math.min(1, SEARCHED_PX_MAX / Math.max(videoWidth, videoHeight));
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.round(videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const code = search(data, canvas.width, canvas.height);
    if (code !== null && code.data !== '') found(code.data);
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
