package guest

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// boot brings the machine up: devices, mounts of fstab, SSH, enabled services, cloud-init.
func (m *Machine) boot(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("booting: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // The machine outlives the call that switched it on.
	r := &run{ctx: ctx, cancel: cancel, since: time.Now(), booted: make(chan struct{})}
	m.change(func(s *state) { s.Boots++ })
	defer m.save()
	if err := m.clearRun(); err != nil {
		cancel()
		return fmt.Errorf("clearing /run: %w", err)
	}
	if err := m.makeDevices(); err != nil {
		cancel()
		return fmt.Errorf("making devices: %w", err)
	}
	m.mu.Lock()
	m.running = r
	m.mu.Unlock()
	if err := m.mountAll(true); err != nil {
		// As systemd: a file system that fstab needs and that is not there keeps the machine in emergency mode.
		m.Journal("local-fs.target", "emergency mode: "+err.Error())
		m.log.Warn("the guest is in emergency mode", "error", err)
		return nil
	}
	if err := m.listen(r); err != nil {
		m.mu.Lock()
		m.running = nil
		m.mu.Unlock()
		cancel()
		return err
	}
	m.options.Network.SetName(m.Hostname(), m.Address())
	m.services.boot(r.ctx)
	r.tasks.Go(func() {
		defer close(r.booted)
		m.cloudInit(r.ctx)
		m.save()
	})
	return nil
}

func (m *Machine) listen(r *run) error {
	keys, err := m.hostKeys()
	if err != nil {
		return fmt.Errorf("making host keys: %w", err)
	}
	listener, err := m.options.Network.Listen(netip.AddrPortFrom(m.options.Address, 22))
	if err != nil {
		return fmt.Errorf("opening SSH: %w", err)
	}
	r.server = newServer(m, r, listener, keys)
	r.tasks.Go(r.server.serve)
	return nil
}

// halt ends everything that a boot began.
func (m *Machine) halt() error {
	r := m.current()
	if r == nil {
		return nil
	}
	r.cancel()
	m.services.halt()
	m.options.Network.PowerOff(m.options.Address)
	r.tasks.Wait()
	m.save() // While mounted files' owners are still known.
	err := m.unmountAll()
	m.mu.Lock()
	m.running = nil
	m.mu.Unlock()
	return err
}

// clearRun empties /run, which lives in memory.
func (m *Machine) clearRun() error {
	v := m.files.as(root)
	entries, err := v.readDir("/run")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := v.removeAll("/run/" + entry.Name()); err != nil {
			return err
		}
	}
	folders := []string{"/run/lock", "/run/sshd"}
	if !m.options.InitScripts {
		folders = append(folders, "/run/systemd/system")
	}
	for _, name := range folders {
		if err := v.mkdirAll(name, 0o755); err != nil {
			return err
		}
	}
	return v.chmod("/run/lock", 0o1777)
}
