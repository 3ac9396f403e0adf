/** For people who would rather do it themselves, or see first what would be done. */
export function describeSteps(order: {
  serverType: string;
  location: string;
  baseImage: string;
  architecture: string;
  sshKeyName: string;
}): string {
  const { serverType, location, baseImage, architecture, sshKeyName } = order;
  const name = `rgrid-image-${architecture}`;
  return `An image saves servers the installation of their packages and the download of the worker.

With HETZNER_API_TOKEN set, \`nexus image build\` does all of this. By hand, with Hetzner's own command line:

  1. nexus image build --print > image.yaml
       the user data: it installs all, cleans the disk, and powers the server off
  2. hcloud server create --name ${name} --type ${serverType} --location ${location} --image ${baseImage} \\
       --ssh-key ${sshKeyName} --user-data-from-file image.yaml
  3. hcloud server describe ${name} --output format={{.Status}}
       wait until it says off; two minutes, or, if it does not in ten, look at /var/log/cloud-init-output.log
  4. hcloud server create-image ${name} --type snapshot --description 'RGrid worker' \\
       --label managed-by=rgrid --label rgrid-image=worker
  5. hcloud server delete ${name}
  6. HETZNER_IMAGE=<ID of the image> in the environment file, HETZNER_SERVER_TYPES of its architecture alone
     (${architecture}), and a restart of the daemon

Make a new one with each new bundle, and delete the old one when its last server is gone.
`;
}
