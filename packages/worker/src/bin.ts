#!/usr/bin/env node
import { requireNode } from '@sluice/shared/node-version';

requireNode('sluice-worker');
await import('./main.ts');
