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

/**
 * Tiles may be between this and wide, and fill the room within that. On an
 * upright screen they may be as upright as it is; on a wide one a square is the
 * least, because cameras there are wide and the rest would be cut off.
 */
const ASPECT_MIN_UPRIGHT = 9 / 16;
const ASPECT_MIN_WIDE = 1;
const ASPECT_MAX = 16 / 9;

function tileIn(cellWidth: number, cellHeight: number, aspectMin: number): { width: number; height: number } {
  const aspect = cellWidth / cellHeight;
  if (aspect > ASPECT_MAX) return { width: cellHeight * ASPECT_MAX, height: cellHeight };
  if (aspect < aspectMin) return { width: cellWidth, height: cellWidth / aspectMin };
  return { width: cellWidth, height: cellHeight };
}

export function fitGrid(count: number, room: Room, gap: number): Grid {
  const aspectMin = room.width < room.height ? ASPECT_MIN_UPRIGHT : ASPECT_MIN_WIDE;
  let best: Grid = { columns: 1, rows: Math.max(1, count), tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (room.width - gap * (columns - 1)) / columns;
    const cellHeight = (room.height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const tile = tileIn(cellWidth, cellHeight, aspectMin);
    if (tile.width * tile.height > best.tileWidth * best.tileHeight + 1) {
      best = { columns, rows, tileWidth: Math.floor(tile.width), tileHeight: Math.floor(tile.height) };
    }
  }
  return best;
}
