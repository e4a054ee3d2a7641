import { runService } from '@carillon/service';
import { turnService } from './index.ts';

await runService(turnService);
