#!/usr/bin/env node
import { requireNode } from '@sluice/shared/node-version';

requireNode('sluice');
await import('./main.ts');
