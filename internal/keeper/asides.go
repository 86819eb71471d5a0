package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
)

// dropAsides deletes the collections that replaces kept aside, once they are as
// old as a safety bundle may get. One that holds rows which nothing else holds
// stays, and is told of.
func (m *Memory) dropAsides(ctx context.Context, servers []*chroma.Server) error {
	days := m.cfg.Retention.SafetyDays.V
	if days <= 0 {
		return nil // for good
	}
	before := m.opts.Now().Add(-time.Duration(days) * 24 * time.Hour)
	var failed error
	for _, server := range servers {
		failed = errors.Join(failed, m.dropAsidesOf(ctx, server, before))
	}
	return failed
}

func (m *Memory) dropAsidesOf(ctx context.Context, server *chroma.Server, before time.Time) error {
	asides, err := server.Asides(ctx)
	if errors.Is(err, store.ErrUnreachable) {
		return nil // a backup that reads it says so, and doctor
	}
	if err != nil {
		return err
	}
	for _, a := range asides {
		if !a.When.Before(before) {
			continue
		}
		if err := m.dropAside(ctx, server, a); err != nil {
			m.notify("%s was not dropped: %v", a.Locator.Collection, err)
			continue
		}
		m.notify("dropped %s, kept aside on %s", a.Locator.Collection, a.When.Format(time.DateOnly))
	}
	return nil
}

func (m *Memory) dropAside(ctx context.Context, server *chroma.Server, a chroma.Aside) error {
	permit, err := m.mayPrune(ctx, guard.Request{
		Target: a.Target, Reason: fmt.Sprintf("kept aside by plan %s, older than %d days", a.Plan, m.cfg.Retention.SafetyDays.V),
	})
	if err != nil {
		return err
	}
	return server.Drop(ctx, a.Locator, permit)
}

// lateRows adds to a receipt the rows that came into collections after they were set
// aside, on servers whose directories were read: a session of a server tells of them
// by itself. A server that is down has nobody who could write to it.
func (m *Memory) lateRows(ctx context.Context, r *backup.Receipt) {
	for _, server := range m.chromas(r.Has) {
		if !m.readAsDirectory(server.Address()) {
			continue
		}
		asides, err := server.Asides(ctx)
		if err != nil && !errors.Is(err, store.ErrUnreachable) {
			m.notify("look for rows that were written into what was set aside: %v", err)
		}
		for _, a := range asides {
			if f, ok := a.Finding(); ok {
				r.Findings = append(r.Findings, f)
			}
		}
	}
}

// readAsDirectory reports whether a server's directory is read instead of it.
func (m *Memory) readAsDirectory(address string) bool {
	return slices.ContainsFunc(m.cfg.Declared, func(d config.Declared) bool {
		return d.Way.V == config.WayDirectory && d.Store.V.Address() == address
	})
}

func everySection(memory.Section) bool { return true }

// chromas are the Chroma servers of the memory that hold a wanted section: two
// when Neo's is federated. Of a source whose sections have no names beforehand nobody
// asks which.
func (m *Memory) chromas(wanted func(memory.Section) bool) (servers []*chroma.Server) {
	for _, d := range m.cfg.Declared {
		holds := func(n config.Named) bool { return wanted(n.Section) }
		if !m.kind(&d).Server || len(d.Named) > 0 && !slices.ContainsFunc(d.Named, holds) {
			continue
		}
		if server, err := chroma.Open(m.opening(&d)); err == nil {
			servers = append(servers, server)
		}
	}
	return servers
}
