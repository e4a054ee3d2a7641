import { runService } from '@carillon/service';
import { signalingService } from './index.ts';

await runService(signalingService);
