// What the server takes (protocol/src/limits.ts), said before it is tried rather than after.

/** One blob, less the sealing's overhead. */
export const BLOB_BYTES_MAX = 2_000_000_000;
/** People in one call, ourselves among them. */
export const CALL_PARTICIPANTS_MAX = 8;
/** Members of one group, ourselves among them. */
export const GROUP_MEMBERS_MAX = 1_024;
/** A group's picture travels inside the group's sealed state. */
export const GROUP_PICTURE_BYTES_MAX = 24 * 1024;
