package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"keepsake/internal/guard"
)

// auditLog is the file in the backup root that every decision is appended to. It
// was called oldAuditLog once: but Neo's own restore takes every *.jsonl directly in
// the root for a file of summaries.
const (
	auditLog    = ".guard-audit.log"
	oldAuditLog = ".guard-audit.jsonl"
)

// tokenDir is the folder, in the data folder, of what tokens were issued for.
const tokenDir = "tokens"

// rules makes the guard's rules. This is the only place where they are made.
func (o *Options) rules(audit io.Writer, ledger guard.Ledger, backupRoot string) guard.Rules {
	return guard.Rules{
		Environment: guard.ReadEnvironment(o.Config.Env), Now: o.Now,
		Audit: audit, Ledger: ledger, BackupRoot: backupRoot, Hint: o.Hint,
	}
}

// Allow asks the guard for leave to destroy one target that is of no memory. A log that
// isn't there yet is made only with leave: where it would lie is somebody else's.
func Allow(ctx context.Context, opts Options, audit string, req guard.Request) (guard.Permit, error) {
	if _, err := os.Lstat(audit); errors.Is(err, fs.ErrNotExist) {
		if err := opts.rules(io.Discard, nil, "").Foresee(ctx, req); err != nil {
			return guard.Permit{}, err
		}
	}
	log, err := guard.OpenAudit(audit)
	if err != nil {
		return guard.Permit{}, err
	}
	permit, err := opts.rules(log, nil, "").AssertDestructiveTargetAllowed(ctx, req)
	return permit, errors.Join(err, log.Close())
}

// guarded returns the rules of this memory, and what closes their audit log. With
// asking, nothing is decided: no file is made, and nothing is written down.
func (m *Memory) guarded(asking bool) (guard.Rules, func() error, error) {
	ledger := guard.DirLedger{Dir: filepath.Join(m.ownDir(), tokenDir)}
	if asking {
		return m.opts.rules(io.Discard, ledger, m.Root()), func() error { return nil }, nil
	}
	if err := m.make(m.Root()); err != nil {
		return guard.Rules{}, nil, fmt.Errorf("make backup root: %w", err)
	}
	log, err := guard.OpenAudit(filepath.Join(m.Root(), auditLog))
	if err != nil {
		return guard.Rules{}, nil, err
	}
	return m.opts.rules(log, ledger, m.Root()), log.Close, nil
}

// mayPrune asks the guard for leave to remove one target that nothing needs.
func (m *Memory) mayPrune(ctx context.Context, req guard.Request) (guard.Permit, error) {
	rules, done, err := m.guarded(false)
	if err != nil {
		return guard.Permit{}, err
	}
	req.Operation = guard.Prune
	permit, err := rules.AssertDestructiveTargetAllowed(ctx, req)
	return permit, errors.Join(err, done())
}
