/**
 * Configurations of SafeKit with the elements and values of the public examples (its templates of release 8.2, and quick starts for clouds), in a
 * layout of our own.
 */

/** A virtual machine of libvirt. */
export const kvm = `<!-- a virtual machine -->
<!DOCTYPE safe>
<safe>
  <macro name="VM_PATH" value="/var/lib/libvirt/images" />
  <macro name="VM_NAME" value="vm1" />
  <service mode="mirror">
    <heart><heartbeat name="default"></heartbeat></heart>
    <rfs>
      <replicated dir="%VM_PATH%/%VM_NAME%"></replicated>
      <!-- <replicated dir="/var/lib/libvirt/qemu/snapshot/%VM_NAME%"/> -->
    </rfs>
    <check>
      <custom ident="%VM_NAME%_check" exec="vmcheck" arg="%VM_NAME%" when="prim" action="restart"/>
    </check>
    <user>
      <var name="VM_PATH" value="%VM_PATH%/%VM_NAME%" />
      <var name="VM_NAME" value="%VM_NAME%" />
    </user>
  </service>
</safe>
`;

/** The template for any application, before somebody has filled it in. */
export const mirror = `<!DOCTYPE safe>
<safe>
  <macro name="SERVICES" value=""/>
  <service mode="mirror" boot="on">
    <heart><heartbeat name="default"></heartbeat></heart>
    <user><var name="SERVICES" value="%SERVICES%"/></user>
  </service>
</safe>
`;

/** The same for quick edition, with more of its attributes. */
export const mirrorTemplate = `<!DOCTYPE safe>
<safe>
  <service mode="mirror" defaultprim="alone" maxloop="3" loop_interval="24" failover="on">
    <heart pulse="700" timeout="30000"><heartbeat name=""></heartbeat></heart>
    <rfs mountover="off" async="second" nbrei="3" locktimeout="100"><replicated dir="" mode="read_only"/></rfs>
    <vip>
      <interface_list>
        <interface check="off" arpreroute="on">
          <real_interface><virtual_addr addr="" where="one_side_alias" check="on"/></real_interface>
        </interface>
      </interface_list>
    </vip>
    <errd><proc name="" class="prim" action="restart" atleast="1"/></errd>
    <user nicestoptimeout="300" forcestoptimeout="300" logging="userlog"/>
  </service>
</safe>
`;

export const postgresql = `<!DOCTYPE safe>
<safe>
<macro name="SERVICES" value="postgresql"/>
<service mode="mirror" boot="on">
  <heart><heartbeat name="default"></heartbeat></heart>
  <vip><interface_list><interface><real_interface>
    <virtual_addr addr="" where="one_side_alias" />
  </real_interface></interface></interface_list></vip>
  <errd polltimer="10"><proc name="postgresql" service="yes" action="restart" class="prim" /></errd>
  <rfs><replicated dir="/var/lib/pgsql/data"><notreplicated path="pg_stat_tmp"/></replicated></rfs>
  <user><var name="SERVICES" value="%SERVICES%"/></user>
</service>
</safe>
`;

export const k3s = `<!DOCTYPE safe><safe>
  <macro name="STORAGEDIR" value="/var/SKreplicated-storage"/>
  <macro name="NFSPROVDIR" value="/var/SKexported-storage"/>
  <macro name="VIRTUALIP" value=""/>
  <macro name="MYSQLPROC" value="mariadbd"/>
  <service mode="mirror">
    <heart><heartbeat name="default"></heartbeat></heart>
    <vip><interface_list><interface><real_interface>
      <virtual_addr addr="%VIRTUALIP%" where="one_side_alias"/>
    </real_interface></interface></interface_list></vip>
    <errd polltimer="10"><proc name="%MYSQLPROC%" action="restart" class="prim"/></errd>
    <rfs><replicated dir="%STORAGEDIR%" /><replicated dir="/var/lib/mysql" /></rfs>
    <user>
      <var name="STORAGEDIR" value="%STORAGEDIR%"/>
      <var name="NFSPROVDIR" value="%NFSPROVDIR%"/>
      <var name="VIRTUALIP" value="%VIRTUALIP%"/>
    </user>
  </service>
</safe>
`;

export const oracle = `<!DOCTYPE safe>
<safe>
<macro name="SERVICES" value="oracle"/>
<service mode="mirror" boot="on">
  <heart><heartbeat name="default"></heartbeat></heart>
  <vip><interface_list><interface><real_interface>
    <virtual_addr addr="" where="one_side_alias" />
  </real_interface></interface></interface_list></vip>
  <errd polltimer="10"><proc name="oracle" nameregex="ora_.*" action="restart" class="prim" /></errd>
  <rfs><replicated dir="" /></rfs>
  <user><var name="SERVICES" value="%SERVICES%"/></user>
</service>
</safe>
`;

export const hyperv = String.raw`<!DOCTYPE safe><safe>
  <macro name="VM_PATH" value="" />
  <macro name="VM_NAME" value="" />
  <macro name="NORMAL_STOP" value="stop"/>
  <macro name="FORCE_STOP" value="stop"/>
  <service mode="mirror">
    <heart><heartbeat name="default"></heartbeat></heart>
    <rfs scripts="on" acl="on" namespacepolicy="0" allocthreshold="10">
      <replicated dir="%VM_PATH%\%VM_NAME%"></replicated>
    </rfs>
    <check><custom ident="" exec="vmcheck.ps1" arg="%VM_NAME%" when="prim" action="restart"/></check>
    <user>
      <var name="VM_PATH" value="%VM_PATH%\%VM_NAME%" />
      <var name="VM_NAME" value="%VM_NAME%" />
      <var name="NORMAL_STOP" value="%NORMAL_STOP%"/>
      <var name="FORCE_STOP" value="%FORCE_STOP%"/>
    </user>
  </service>
</safe>
`;

export const milestone = String.raw`<!DOCTYPE safe>
<safe>
  <macro name="SERVICES" value="W3SVC, MSSQLServer, Milestone XProtect Management Server"/>
  <service mode="mirror" boot="on">
    <heart><heartbeat name="default"></heartbeat></heart>
    <vip><interface_list><interface><real_interface>
      <virtual_addr addr="" where="one_side_alias" />
    </real_interface></interface></interface_list></vip>
    <errd>
      <proc name="sqlservr.exe" atleast="1" action="restart" class="prim" />
      <proc name="VideoOS.Server.Service.exe" atleast="1" action="restart" class="prim" />
    </errd>
    <rfs>
      <replicated dir="C:\Program Files\Microsoft SQL Server\MSSQL16.MSSQLSERVER\MSSQL\DATA" />
      <replicated dir="C:\Program Files\Microsoft SQL Server\MSSQL16.MSSQLSERVER\MSSQL\Log" />
    </rfs>
    <user><var name="SERVICES" value="%SERVICES%"/></user>
    <check><custom ident="app_pool_check" when="prim" exec="apppoolcheck.ps1" action="restart" /></check>
  </service>
</safe>
`;

export const farm = `<!DOCTYPE safe>
<safe>
  <macro name="SERVICES" value=""/>
  <service mode="farm" boot="on">
    <farm><lan name="default"></lan></farm>
    <user><var name="SERVICES" value="%SERVICES%"/></user>
  </service>
</safe>
`;

export const apacheFarm = `<!DOCTYPE safe>
<safe>
<macro name="SERVICES" value="httpd"/>
<macro name="VIRTUAL_IP" value="" />
<macro name="APACHE_PORT" value="" />
<service mode="farm" boot="on">
  <farm><lan name="default" /></farm>
  <vip>
    <interface_list><interface>
      <virtual_interface type="vmac_directed"><virtual_addr addr="%VIRTUAL_IP%" where="alias"/></virtual_interface>
    </interface></interface_list>
    <loadbalancing_list>
      <group name="APACHE"><rule port="%APACHE_PORT%" proto="tcp" filter="on_addr"/></group>
    </loadbalancing_list>
  </vip>
  <check>
    <tcp ident="HTTP_APACHE" when="both"><to addr="%VIRTUAL_IP%" port="%APACHE_PORT%" interval="10" timeout="5"/></tcp>
  </check>
  <user><var name="SERVICES" value="%SERVICES%"/></user>
</service>
</safe>
`;

/** The mirror of a quick start for a cloud, for Linux. */
export const awsLinux = `<!DOCTYPE safe>
<safe>
 <service mode="mirror" defaultprim="alone" maxloop="3" loop_interval="24" failover="on">
  <heart pulse="700" timeout="30000"><heartbeat name="default" ident="flow"></heartbeat></heart>
  <user></user>
  <rfs mountover="off" async="second" locktimeout="200" nbrei="3" nbremconn="4">
    <replicated dir="/var/replicated" mode="read_only"/>
  </rfs>
 </service>
</safe>`;

/** The same for Windows. */
export const awsWindows = awsLinux.replace('/var/replicated', String.raw`C:\replicated`).replace(' nbremconn="4"', '');

/** What the script of another quick start makes of a configuration: a directory with "/" on the system's drive. */
export const azure = `<safe><service mode="mirror"><heart><heartbeat name="default"/></heart><user/><rfs><replicated dir="C:/replicated"/></rfs></service></safe>`;

export const examples: Readonly<Record<string, string>> = {
  kvm,
  mirror,
  mirrorTemplate,
  postgresql,
  k3s,
  oracle,
  hyperv,
  milestone,
  farm,
  apacheFarm,
  awsLinux,
  awsWindows,
  azure,
};
