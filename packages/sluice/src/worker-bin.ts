#!/usr/bin/env node
import '@sluice/worker/bin';
