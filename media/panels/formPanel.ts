import type { FormState } from '../../schemas/form.ts';
import { FormPage } from './form/formPage.ts';
import { HostRpc } from './hostRpc.ts';
import { registerComponents, registerFormComponents } from './toolkit.ts';

registerComponents();
registerFormComponents();
const host = new HostRpc();
const page = new FormPage(host, document.getElementById('page') ?? document.body);

host.on<FormState>('form.state', (state) => page.show(state));
host.on<{ id: number }>('form.flush', ({ id }) => {
  page.flush();
  host.notify('form.flushed', { id });
});

host.notify('panel.ready');
