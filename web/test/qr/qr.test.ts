import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsQr from 'jsqr';
import { encode } from 'uqr';
import { qrPath } from '../../src/qr/path.ts';

/** Device pixels a module: a camera sees it as large from an arm's length. */
const MODULE_PX = 4;

/** Paints the path's rectangles, as the browser does, white around. */
function paint(path: string, size: number): Uint8ClampedArray {
  const side = size * MODULE_PX;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1H\d+z/g)) {
    for (let row = 0; row < MODULE_PX; row += 1) {
      const from = ((Number(y) * MODULE_PX + row) * side + Number(x) * MODULE_PX) * 4;
      for (let at = from; at < from + Number(width) * MODULE_PX * 4; at += 4) pixels.fill(0, at, at + 3);
    }
  }
  return pixels;
}

test('runs in a row are one rectangle', () => {
  const modules = [
    [true, true, false, true],
    [false, false, false, false],
    [false, true, true, true],
  ];
  assert.equal(qrPath(modules), 'M0 0h2v1H0zM3 0h1v1H3zM1 2h3v1H1z');
});

test('what is drawn is read again', () => {
  const code = `carillon:link?v=1&id=${'Ab_9'.repeat(5)}&key=${'k'.repeat(43)}&identity=${'Z'.repeat(43)}`;
  const { data, size } = encode(code, { ecc: 'M', border: 4 });
  const side = size * MODULE_PX;
  assert.equal(jsQr.default(paint(qrPath(data), size), side, side)?.data, code);
});
