#!/usr/bin/env node
import '@sluice/cli/bin';
