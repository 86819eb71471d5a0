// Package config puts together what the operator asked for: flags, environment,
// keepsake.yaml, the data dir and a preset become one Config of plain values,
// each of which knows where it came from. It reads the configuration and token
// files, looks for the data dir, and opens nothing else: of a declared path it asks
// whether a folder is there.
package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// The presets. PresetNeo is the layout of a Neo.mjs memory, the default;
// PresetChroma is everything on one Chroma, of whichever agent; PresetNone is what is
// declared, and nothing else.
const (
	PresetNeo    = "neo"
	PresetChroma = "chroma"
	PresetNone   = "none"
)

// Flags that Load takes from Options.Flags.
const (
	FlagConfig     = "config"
	FlagDataDir    = "data-dir"
	FlagBackupRoot = "backup-root"
	FlagTopology   = "topology"
)

// Options are where Load looks. The zero Options have no flags and an empty
// environment, and can only be loaded with absolute paths.
type Options struct {
	// Kinds is the table of kinds of store. Required.
	Kinds store.Kinds
	// Hint says what the operator can do about an error or a finding, by its code.
	Hint memory.Hints
	// Flags holds the flags that were given, by their names without dashes.
	Flags map[string]string
	// Env looks a name up as os.LookupEnv does. A name set to nothing is not set.
	Env func(string) (string, bool)
	// Start is the absolute path that the search for the data dir begins at, and
	// that relative paths of flags and of the environment are relative to.
	Start string
	// DataDirOptional lets Load succeed without a data dir, and with one that was
	// named but does not exist: a memory may be about to be restored into it.
	DataDirOptional bool
}

// Config is what was asked for. Paths are absolute.
type Config struct {
	// File is the configuration that was read, "" when there is none.
	File   Value[string]
	Preset Value[string]
	// DataDir and BackupRoot are "" when there is none and none was needed.
	DataDir    Value[string]
	BackupRoot Value[string]
	// Declared are the sources of the memory: those of the preset, in its order, then
	// those that the file declares, sorted by name.
	Declared []Declared

	// Unified says that KB and MC are on one Chroma; its source is the reason. It and
	// VectorDimension are of the preset neo, and empty with another.
	Unified Value[bool]

	// VectorDimension is what the embedding provider is said to make: advisory.
	VectorDimension Value[int]

	// Retention is what may be removed. CheckRetention says whether it can be used.
	Retention Retention
	Doctor    Doctor
	Alarm     Alarm
	// AllowProduction is the first of the two factors of package guard. Only the
	// environment can set it.
	AllowProduction Value[bool]

	// Findings are warnings about what was read.
	Findings []memory.Finding

	kinds    store.Kinds
	hint     memory.Hints
	excluded []Excluded
}

// NoDataDirError says that no data dir was found, or that the one that was named
// is none.
type NoDataDirError struct {
	// Path is the one that was named, or where the search upward began.
	Path   string
	Source Source // the zero Source when none was named
	// Passed are configurations that were seen on the way and say nothing of where
	// their memory is.
	Passed []string
	Err    error
}

// Error names the path and what was looked for.
func (e *NoDataDirError) Error() string {
	if e.Source.Kind != "" {
		return fmt.Sprintf("open data dir %s (%s): %v", e.Path, e.Source, e.Err)
	}
	if len(e.Passed) == 0 {
		return fmt.Sprintf("find data dir: no %s and no %s in %s or above it", DataDirName, FileName, e.Path)
	}
	return fmt.Sprintf("find data dir: no %s in %s or above it; %s: neither data-dir nor a preset but neo",
		DataDirName, e.Path, strings.Join(e.Passed, ", "))
}

// Unwrap returns the cause.
func (e *NoDataDirError) Unwrap() error { return e.Err }

// HasTopology reports whether there are a knowledge base and memories, on one
// Chroma or two. Without them Topology is the zero one and says nothing.
func (c *Config) HasTopology() bool { return c.Preset.V == PresetNeo }

// Topology returns the topology with the coordinates of both Chromas. Host and
// Port are empty for a store that is no server; Path is then where it is.
func (c *Config) Topology() memory.Topology {
	if !c.HasTopology() {
		return memory.Topology{}
	}
	return memory.Topology{Unified: c.Unified.V, KB: c.coords(memory.KB), MC: c.coords(memory.MC)}
}

func (c *Config) coords(name memory.Subsystem) memory.Coords {
	s := c.Source(name).Store.V
	if c.kinds.Of(s.Kind).Databases {
		s = s.InDatabase()
	}
	return memory.Coords{Host: s.Host, Port: s.Port, Path: s.Path, Tenant: s.Tenant, Database: s.Database}
}

// Source returns the source of that name, an empty one when there is none.
func (c *Config) Source(name memory.Subsystem) *Declared {
	for i := range c.Declared {
		if c.Declared[i].Name == name {
			return &c.Declared[i]
		}
	}
	return &Declared{Name: name}
}

// Excluded is something in the data dir that is never backed up.
type Excluded struct {
	Path   string
	Reason string
}

// Excluded lists what the preset leaves out, whether or not it is there; none without
// a data dir.
func (c *Config) Excluded() []Excluded { return c.excluded }

// Load puts the configuration together. It fails with *Error for a value that
// can't be right, and with *NoDataDirError.
func Load(opts Options) (*Config, error) {
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	l := &loader{opts: opts, cfg: &Config{kinds: opts.Kinds, hint: opts.Hint}}
	steps := []func() error{
		l.checkFlags, l.locate, l.readPreset, l.backupRoot, l.topology, l.presetSources, l.dimension,
		l.declared, l.retention, l.doctor, l.alarm, l.permission,
	}
	if err := inOrder(steps); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

func inOrder(steps []func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// loader fills a Config, one step after the other.
type loader struct {
	opts   Options
	file   file
	preset *preset
	cfg    *Config
	passed []string // configurations that were seen and not read
	tokens []string // paths of token files
}

func (l *loader) checkFlags() error {
	for name, text := range l.opts.Flags {
		if text == "" {
			return &Error{Source: Source{Kind: FromFlag, Name: name}, Err: errors.New("the value is empty")}
		}
	}
	return nil
}

// warn adds a warning.
func (l *loader) warn(code, message, hint string) {
	l.cfg.Findings = append(l.cfg.Findings, memory.Finding{Level: memory.Warning, Code: code, Message: message, Hint: hint})
}

// flag returns the value of a flag, and whether it was given.
func (l *loader) flag(name string) (Value[string], bool) {
	text, ok := l.opts.Flags[name]
	return Value[string]{text, Source{Kind: FromFlag, Name: name}}, ok
}

// env returns the value of the first of names that is set to something.
func (l *loader) env(names ...string) (Value[string], bool) {
	for _, name := range names {
		if text, ok := l.opts.Env(name); ok && text != "" {
			return Value[string]{text, Source{Kind: FromEnvironment, Name: name}}, true
		}
	}
	return Value[string]{}, false
}

// key returns the value of a key of the file, and whether it was given.
func (l *loader) key(s scalar) (Value[string], bool) {
	return Value[string]{s.text, l.file.source(s)}, s.given()
}

// fromPreset is the source of what the preset brings.
func (l *loader) fromPreset() Source { return Source{Kind: FromPreset, Name: l.cfg.Preset.V} }

// backupRoot decides where the bundles are, and with it what is left out.
func (l *loader) backupRoot() (err error) {
	for _, e := range l.preset.Excluded {
		if at := l.inDataDir(filepath.FromSlash(e.Path)); at.V != "" {
			l.cfg.excluded = append(l.cfg.excluded, Excluded{at.V, e.Reason})
		}
	}
	root, ok := l.flag(FlagBackupRoot)
	if !ok {
		root, ok = l.env(backupPath)
	}
	if !ok {
		root, ok = l.key(l.file.BackupRoot)
	}
	if l.cfg.BackupRoot = l.inDataDir("backups"); ok {
		l.cfg.BackupRoot, err = l.absolute(root)
	}
	return err
}

// inDataDir returns the preset's path below the data dir, none without one.
func (l *loader) inDataDir(path string) Value[string] {
	if l.cfg.DataDir.V == "" {
		return Value[string]{}
	}
	return Value[string]{filepath.Join(l.cfg.DataDir.V, path), l.fromPreset()}
}

// absolute resolves a path against what its source is relative to.
func (l *loader) absolute(path Value[string]) (Value[string], error) {
	base := l.opts.Start
	if path.Source.Kind == FromFile {
		base = filepath.Dir(l.file.path.V)
	}
	text, err := absolute(base, path.V)
	if err != nil {
		return path, &Error{Source: path.Source, Err: err}
	}
	return Value[string]{text, path.Source}, nil
}

func absolute(base, path string) (string, error) {
	if path == "~" || len(path) > 1 && path[0] == '~' && (path[1] == '/' || path[1] == filepath.Separator) {
		return "", errors.New("~ is only known to a shell: write the path out")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	if !filepath.IsAbs(path) {
		return "", errors.New("the path is relative, and there is nothing that it is relative to")
	}
	return filepath.Clean(path), nil
}
