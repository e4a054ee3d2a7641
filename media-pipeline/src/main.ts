import { runService } from '@carillon/service';
import { mediaService } from './mediaService.ts';

await runService(mediaService);
