// Progress of a long step: one updating line on a terminal, else a line every
// tenth, so that a log stays short.
export function progressLine(label: string, out: NodeJS.WriteStream = process.stderr) {
  let shownPercent = -1;
  return (done: number, total: number): void => {
    if (total <= 0) return;
    const percent = Math.floor((done * 100) / total);
    if (percent === shownPercent) return;
    if (out.isTTY) {
      out.write(`\r${label}: ${percent} %${percent === 100 ? '\n' : ''}`);
      shownPercent = percent;
    } else if (shownPercent < 0 || percent >= shownPercent + 10 || percent === 100) {
      out.write(`${label}: ${percent} %\n`);
      shownPercent = percent;
    }
  };
}
