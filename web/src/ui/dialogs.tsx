import { closeDialog, dialog } from '../state/dialog.ts';
import { AddPerson } from './addPerson.tsx';
import { CallLinks } from './callLinks.tsx';
import { ContactInfo } from './contactInfo.tsx';
import { DeviceChoice } from './deviceChoice.tsx';
import { GroupCall } from './groupCall.tsx';
import { GroupInfo } from './groupInfo.tsx';
import { Lightbox } from './lightbox.tsx';
import { LinkDevice } from './linkDevice.tsx';
import { LinkedDevices } from './linkedDevices.tsx';
import { MessageInfo } from './messageInfo.tsx';
import { NewChat } from './newChat.tsx';
import { NewGroup } from './newGroup.tsx';
import { Privacy } from './privacy.tsx';
import { Profile } from './profile.tsx';
import { SafetyNumber } from './safetyNumber.tsx';

export function Dialogs() {
  const open = dialog.value;
  if (open === undefined) return null;
  switch (open.type) {
    case 'new-chat':
      return <NewChat onClose={closeDialog} />;
    case 'new-group':
      return <NewGroup onClose={closeDialog} />;
    case 'privacy':
      return <Privacy onClose={closeDialog} />;
    case 'call-links':
      return <CallLinks onClose={closeDialog} />;
    case 'linked-devices':
      return <LinkedDevices onClose={closeDialog} />;
    case 'link-device':
      return <LinkDevice onClose={closeDialog} />;
    case 'contact-info':
      return <ContactInfo contact={open.contact} onClose={closeDialog} />;
    case 'group-info':
      return <GroupInfo id={open.group} onClose={closeDialog} />;
    case 'group-call':
      return <GroupCall id={open.group} video={open.video} onClose={closeDialog} />;
    case 'message-info':
      return <MessageInfo id={open.message} onClose={closeDialog} />;
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
