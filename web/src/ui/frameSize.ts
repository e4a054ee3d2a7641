/** Bubbles never show a picture larger than this; the lightbox does. */
const WIDTH_MAX_PX = 320;
const HEIGHT_MAX_PX = 360;

/** The room a picture takes, known before it is opened, so that nothing jumps. */
export function frameSize(width: number, height: number): { width: string; 'aspect-ratio': string } {
  if (width <= 0 || height <= 0) return { width: '240px', 'aspect-ratio': '4 / 3' };
  const scale = Math.min(1, WIDTH_MAX_PX / width, HEIGHT_MAX_PX / height);
  return { width: `${Math.max(120, Math.round(width * scale))}px`, 'aspect-ratio': `${width} / ${height}` };
}
