package cli

import (
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/pflag"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// memory opens the memory that a command works on, with what opts says beside that. A
// command that only reads bundles, or that makes a memory anew, passes optional: the
// data folder may be absent then. The caller closes it.
func (a *app) memory(optional bool) (*keeper.Memory, error) {
	opts := a.options()
	opts.Config.Flags, opts.Config.DataDirOptional = maps.Clone(a.flags.settings), optional
	for name, value := range map[string]string{
		config.FlagConfig: a.flags.config, config.FlagDataDir: a.flags.dataDir, config.FlagBackupRoot: a.flags.backupRoot,
	} {
		if value != "" {
			opts.Config.Flags[name] = value
		}
	}
	m, err := keeper.Open(opts)
	if err != nil {
		return nil, err
	}
	a.printFindings(m.Config().Findings)
	return m, nil
}

// options are what this process lends to a memory.
func (a *app) options() keeper.Options {
	return keeper.Options{
		Config: config.Options{Env: a.LookupEnv, Start: a.Dir},
		Now:    a.Now, Host: a.host(), FS: a.FS, Tool: "keepsake " + Version, Me: a.me(), Alive: alive,
		LockWait: a.flags.lockWait, SkipUnreadable: a.flags.skipUnreadable,
		Progress: a.progress, Hint: hintBy, Notify: a.notice,
	}
}

// notice prints what happened on the way, and what can be done about it.
func (a *app) notice(f memory.Finding) {
	a.warn("%s", f.Message)
	if f.Hint != "" && !a.flags.asJSON {
		fmt.Fprintf(a.Stderr, "  %s\n", f.Hint)
	}
}

// progress returns what draws the progress of a run.
func (a *app) progress() store.Progress {
	style := a.flags.progress
	if a.flags.quiet && style == "auto" {
		style = "none"
	}
	if m := newMeter(a.Stderr, style, terminal(a.Stderr), a.flags.asJSON, a.Now); m != nil {
		return m
	}
	return store.Quiet{}
}

// latestFlags are those of every command that takes a BUNDLE.
func (a *app) latestFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&a.flags.skipUnreadable, "skip-unreadable", false, `"latest": go on past a newer bundle that can't be read`)
}

// sections checks the keys of a flag that takes section=value.
func sections(flag string, values map[string]string) (map[memory.Section]string, error) {
	out := map[memory.Section]string{}
	for key, value := range values {
		s := memory.Section(key)
		if s.Name() == "" || value == "" || strings.Count(key, "/") != 1 {
			return nil, usage(fmt.Errorf("--%s %s=%s: want a section like mc/memory, and a value", flag, key, value))
		}
		out[s] = value
	}
	return out, nil
}

// compression checks the value of --compress.
func compression(text string) (keeper.Compression, error) {
	switch c := keeper.Compression(text); c {
	case "", keeper.None, keeper.Zstd:
		return c, nil
	}
	return "", usage(fmt.Errorf("--compress %q is neither none nor zstd", text))
}
