import { closeDialog, dialog } from '../state/dialog.ts';
import { AddPerson } from './addPerson.tsx';
import { DeviceChoice } from './deviceChoice.tsx';
import { Lightbox } from './lightbox.tsx';
import { NewChat } from './newChat.tsx';
import { Profile } from './profile.tsx';
import { SafetyNumber } from './safetyNumber.tsx';

export function Dialogs() {
  const open = dialog.value;
  if (open === undefined) return null;
  switch (open.type) {
    case 'new-chat':
      return <NewChat onClose={closeDialog} />;
    case 'profile':
      return <Profile onClose={closeDialog} />;
    case 'safety-number':
      return <SafetyNumber contact={open.contact} onClose={closeDialog} />;
    case 'lightbox':
      return <Lightbox start={open.message} onClose={closeDialog} />;
    case 'add-person':
      return <AddPerson onClose={closeDialog} />;
    case 'devices':
      return <DeviceChoice onClose={closeDialog} />;
    default:
      return open satisfies never;
  }
}
