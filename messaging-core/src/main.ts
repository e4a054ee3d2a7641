import { runService } from '@carillon/service';
import { messagingService } from './service.ts';

await runService(messagingService);
