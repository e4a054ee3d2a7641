import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitGrid } from '../../src/layout/grid.ts';

const PHONE = { width: 370, height: 640 };
const DESKTOP = { width: 1260, height: 640 };

test('an upright screen stacks, a wide one puts side by side', () => {
  assert.equal(fitGrid(2, PHONE, 8).columns, 1);
  assert.equal(fitGrid(2, DESKTOP, 8).columns, 2);
  assert.equal(fitGrid(4, PHONE, 8).columns, 2);
  assert.equal(fitGrid(4, DESKTOP, 8).columns, 2);
  assert.equal(fitGrid(8, DESKTOP, 8).columns, 4);
});

test('all tiles fit the room, whatever their number and its size', () => {
  for (let count = 1; count <= 32; count += 1) {
    for (const width of [320, 390, 768, 1280, 2560]) {
      for (const height of [240, 480, 800, 1440]) {
        const grid = fitGrid(count, { width, height }, 8);
        assert.ok(grid.columns * grid.rows >= count);
        assert.ok(grid.columns * grid.tileWidth + (grid.columns - 1) * 8 <= width);
        assert.ok(grid.rows * grid.tileHeight + (grid.rows - 1) * 8 <= height);
      }
    }
  }
});

test('a room not yet measured gives empty tiles, not an error', () => {
  assert.equal(fitGrid(3, { width: 0, height: 0 }, 8).tileWidth, 0);
});
