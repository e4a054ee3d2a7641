// Places the tiles of a group call: the number of columns that makes tiles
// largest for the room there is.

export interface Room {
  readonly width: number;
  readonly height: number;
}

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

/** Tiles may be between upright and wide; within that they fill the room, so that little is left empty. */
const ASPECT_MIN = 9 / 16;
const ASPECT_MAX = 16 / 9;

function tileIn(cellWidth: number, cellHeight: number): { width: number; height: number } {
  const aspect = cellWidth / cellHeight;
  if (aspect > ASPECT_MAX) return { width: cellHeight * ASPECT_MAX, height: cellHeight };
  if (aspect < ASPECT_MIN) return { width: cellWidth, height: cellWidth / ASPECT_MIN };
  return { width: cellWidth, height: cellHeight };
}

export function fitGrid(count: number, room: Room, gap: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, count), tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (room.width - gap * (columns - 1)) / columns;
    const cellHeight = (room.height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const tile = tileIn(cellWidth, cellHeight);
    if (tile.width * tile.height > best.tileWidth * best.tileHeight + 1) {
      best = { columns, rows, tileWidth: Math.floor(tile.width), tileHeight: Math.floor(tile.height) };
    }
  }
  return best;
}
