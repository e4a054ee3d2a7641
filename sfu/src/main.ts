import { runService } from '@carillon/service';
import { sfuService } from './index.ts';

await runService(sfuService);
