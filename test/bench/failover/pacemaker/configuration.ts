import { powerSwitchPort } from './powerSwitchPort.ts';

export interface PacemakerSetting {
  /** Corosync's time without the token after which a host is taken for failed. */
  readonly tokenMs: number;
  /** How often Pacemaker asks the resource agent whether the guest runs. */
  readonly monitorSeconds: number;
}

/** What Corosync takes by default, with the interval that the resource agent for libvirt's guests advises; and both tuned. */
export const pacemakerSettings: readonly PacemakerSetting[] = [
  { tokenMs: 3000, monitorSeconds: 10 },
  { tokenMs: 1000, monitorSeconds: 1 },
];

/** Two links, as the product uses all networks. */
export const corosyncFile = ({ tokenMs }: PacemakerSetting): string => `totem {
  version: 2
  cluster_name: bench
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: ${tokenMs}
}
nodelist {
  node {
    name: alpha
    nodeid: 1
    ring0_addr: 10.78.0.1
    ring1_addr: 10.77.0.1
  }
  node {
    name: beta
    nodeid: 2
    ring0_addr: 10.78.0.2
    ring1_addr: 10.77.0.2
  }
}
quorum {
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}
logging {
  to_stderr: yes
  to_syslog: no
  to_logfile: no
}
`;

const option = (name: string, value: string): string => `<nvpair id="option-${name}" name="${name}" value="${value}"/>`;
const parameter = (name: string, value: string): string =>
  `<nvpair id="power-${name}" name="${name}" value="${value}"/>`;

/**
 * The cluster's information base as both hosts have it before their first start. Fencing is on, as Pacemaker's documentation asks for: without it a
 * host that is cut off would go on running its guest. dc-deadtime and startup-fencing only make the first start short.
 */
export const informationBase = ({ monitorSeconds }: PacemakerSetting): string => `<?xml version="1.0"?>
<cib crm_feature_set="3.0.0" validate-with="pacemaker-3.0" epoch="2" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="options">
      ${option('stonith-enabled', 'true')}
      ${option('stonith-action', 'off')}
      ${option('dc-deadtime', '2s')}
      ${option('startup-fencing', 'false')}
    </cluster_property_set></crm_config>
    <nodes><node id="1" uname="alpha"/><node id="2" uname="beta"/></nodes>
    <resources>
      <primitive id="power" class="stonith" type="fence_bench">
        <instance_attributes id="power-attributes">
          ${parameter('ip', '10.77.0.100')}
          ${parameter('ipport', String(powerSwitchPort))}
          ${parameter('pcmk_host_list', 'alpha beta')}
          ${parameter('pcmk_host_check', 'static-list')}
        </instance_attributes>
      </primitive>
      <primitive id="guest" class="ocf" provider="bench" type="Guest">
        <operations>
          <op id="guest-start" name="start" interval="0" timeout="90s"/>
          <op id="guest-stop" name="stop" interval="0" timeout="90s"/>
          <op id="guest-monitor" name="monitor" interval="${monitorSeconds}s" timeout="30s"/>
        </operations>
      </primitive>
    </resources>
    <constraints>
      <rsc_location id="guest-on-alpha" rsc="guest" node="alpha" score="100"/>
      <rsc_location id="power-on-beta" rsc="power" node="beta" score="100"/>
    </constraints>
  </configuration>
  <status/>
</cib>
`;
