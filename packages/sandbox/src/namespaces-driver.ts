import { mkdirSync } from 'node:fs';
import { describeIsolation } from './describe-isolation.ts';
import type { RunningSandbox, SandboxDescription, SandboxDriver, SandboxSpec } from './driver.ts';
import { requireTools } from './host-tools.ts';
import { launch } from './launch.ts';
import { buildFstab } from './namespaces-fstab.ts';
import {
  initScript,
  NAMESPACE_TOOLS,
  prepareNamespaces,
  unshareCommand,
} from './namespaces-init.ts';
import { limitProcesses } from './limit-processes.ts';
import { startChecked } from './start-checked.ts';
import { notStarted } from './not-started.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { isRealRoot } from './sandbox-owner.ts';

function describe(host: SandboxHost): SandboxDescription {
  const description = describeIsolation(host);
  if (isRealRoot() || host.tools.ip !== undefined) return description;
  const gap = 'Without network there is no loopback either: the tool ip is missing.';
  return { ...description, gaps: [...description.gaps, gap] };
}

/** Isolation from util-linux alone, so that a machine where nothing was installed has it too. */
export function createNamespacesDriver(host: SandboxHost): SandboxDriver {
  const sysfs = host.scratch.newPath('sysfs');
  const setup = prepareNamespaces(requireTools(host.tools, NAMESPACE_TOOLS), sysfs);
  mkdirSync(sysfs);

  async function startInView(spec: SandboxSpec): Promise<RunningSandbox> {
    const views = await host.views();
    const built = await views.build(spec);
    if (!built.ok) return notStarted(built.reason);
    if (spec.network) await host.metadata.block('scripts');
    const { view } = built;
    const limit = await limitProcesses(host, spec);
    const needsSysfs = setup.isRealRoot && !spec.network;
    return launch(host, spec, {
      tree: 'namespace',
      openExtra: () => {
        const parts = { spec, view, system: views.system, sysfs: needsSysfs ? sysfs : null };
        return host.scratch.openHidden(buildFstab(parts));
      },
      release: view.release,
      argv: (joinFiles) => [
        ...unshareCommand(setup, spec.network),
        ...[setup.tools.sh, '-c', initScript(setup, { spec, root: view.root, joinFiles, limit })],
      ],
    });
  }

  return {
    name: 'namespaces',
    description: describe(host),
    start: (spec) => startChecked(spec, startInView),
    close: () => Promise.resolve(),
  };
}
