import { openFilesStory } from './openFilesStory.ts';

openFilesStory({ open: 10_000, removed: 3000, limitMs: 600_000 });
