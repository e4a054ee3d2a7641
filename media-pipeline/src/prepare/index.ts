// Preparation on a device that runs Node: smaller, upright, without metadata,
// with what is shown before the bytes are fetched.
export { prepareFile } from './file.ts';
export { preparePhoto } from './photo.ts';
export { PreparationError, type PreparedInfo, type PreparedMedia, type PrepareOptions } from './preparedMedia.ts';
export { findProgram, type Program } from './programs.ts';
export { prepareVideo } from './video.ts';
export { prepareVoiceNote } from './voiceNote.ts';
export { waveformOf } from './waveform.ts';
