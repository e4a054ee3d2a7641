/** A name for this device that tells it from the others, from what the browser says of itself: `Firefox on Linux`. */
export function deviceName(userAgent: string): string {
  return `${browserOf(userAgent)} on ${systemOf(userAgent)}`;
}

/** Each names those it descends from, too: the youngest first. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\/|Chromium\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'Mac'],
  [/Linux/, 'Linux'],
];

const browserOf = (userAgent: string) => BROWSERS.find(([mark]) => mark.test(userAgent))?.[1] ?? 'Browser';
const systemOf = (userAgent: string) => SYSTEMS.find(([mark]) => mark.test(userAgent))?.[1] ?? 'this device';
