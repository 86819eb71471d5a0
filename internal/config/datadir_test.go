package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"keepsake/internal/config"
	"keepsake/internal/keeper"
	"keepsake/internal/store"
)

func TestDataDirIsTheNearestUpward(t *testing.T) {
	outer := t.TempDir()
	inner := filepath.Join(outer, "work", "agent")
	makeDir(t, filepath.Join(outer, config.DataDirName))
	makeDir(t, filepath.Join(inner, config.DataDirName, "sqlite"))
	makeDir(t, filepath.Join(inner, "src", "deep"))
	makeDir(t, filepath.Join(outer, "work", "other"))
	writeFile(t, filepath.Join(outer, "work", "other", config.DataDirName), "a file, no folder")
	for _, c := range []struct{ name, start, want string }{
		{"Here", inner, inner},
		{"Above", filepath.Join(inner, "src", "deep"), inner},
		{"Inside", filepath.Join(inner, config.DataDirName, "sqlite"), inner},
		{"FurtherAbove", filepath.Join(outer, "work"), outer},
		{"PastAFileOfThatName", filepath.Join(outer, "work", "other"), outer},
		{"StartIsNotThere", filepath.Join(inner, "gone", "too"), inner},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: c.start})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := cfg.DataDir.V, filepath.Join(c.want, config.DataDirName); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestNoDataDir(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	writeFile(t, file, "")
	yaml := filepath.Join(empty, "my.yaml")
	writeFile(t, yaml, "data-dir: gone\n")
	for _, c := range []struct {
		name  string
		flags map[string]string
		want  string
	}{
		{"NotFound", nil, "find data dir: no .neo-ai-data and no keepsake.yaml in ROOT or above it"},
		{"FlagNamesNothing", map[string]string{"data-dir": "gone"}, "open data dir ROOT/gone (flag --data-dir): "},
		{"FlagNamesAFile", map[string]string{"data-dir": file}, "open data dir ROOT/file (flag --data-dir): "},
		{"FileNamesNothing", map[string]string{"config": yaml}, "open data dir ROOT/gone (file ROOT/my.yaml:1): "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: empty, Flags: c.flags})
			typed := (*config.NoDataDirError)(nil)
			if !errors.As(err, &typed) {
				t.Fatalf("got %v (%T), want a *config.NoDataDirError", err, err)
			}
			if got := shorten(err.Error(), empty); len(got) < len(c.want) || got[:len(c.want)] != c.want {
				t.Errorf("got %q, want it to begin with %q", got, c.want)
			}
		})
	}
}

func TestOptionalDataDir(t *testing.T) {
	empty := t.TempDir()
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: empty, DataDirOptional: true})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DataDir.V != "" || cfg.BackupRoot.V != "" || cfg.Source("graph").Store.V != (store.Ref{}) || cfg.Excluded() != nil {
		t.Errorf("got data dir %q, backup root %q, graph %q: want none", cfg.DataDir.V, cfg.BackupRoot.V, cfg.Source("graph").Store.V)
	}
	if got := places(cfg, empty); len(got) != 3 {
		t.Errorf("got %q, want the three collections alone", got)
	}
	named := map[string]string{"data-dir": "to-come"}
	cfg, err = config.Load(config.Options{Kinds: keeper.Kinds(), Start: empty, Flags: named, DataDirOptional: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.DataDir.V, filepath.Join(empty, "to-come"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	writeFile(t, filepath.Join(empty, "to-come"), "a file is in the way")
	_, err = config.Load(config.Options{Kinds: keeper.Kinds(), Start: empty, Flags: named, DataDirOptional: true})
	if typed := (*config.NoDataDirError)(nil); !errors.As(err, &typed) {
		t.Errorf("got %v, want a *config.NoDataDirError for a file", err)
	}
}

// A data dir that can't be looked at must not let the search go on to another
// memory further up.
func TestDataDirThatCannotBeSeen(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("permissions don't hold here")
	}
	outer := t.TempDir()
	makeDir(t, filepath.Join(outer, config.DataDirName))
	locked := filepath.Join(outer, "locked")
	makeDir(t, filepath.Join(locked, config.DataDirName))
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(locked, 0o700) })
	_, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: locked})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %v", err, fs.ErrPermission)
	}
}

// A loop of links can't be looked at either, and that holds for root as well.
func TestDataDirThatIsALoop(t *testing.T) {
	outer := t.TempDir()
	makeDir(t, filepath.Join(outer, config.DataDirName))
	inner := filepath.Join(outer, "inner")
	makeDir(t, inner)
	if err := os.Symlink(config.DataDirName, filepath.Join(inner, config.DataDirName)); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: inner})
	if typed := (*config.NoDataDirError)(nil); !errors.As(err, &typed) {
		t.Errorf("got %+v, %v, want a *config.NoDataDirError", cfg, err)
	}
}

func TestWhichFileIsRead(t *testing.T) {
	root := t.TempDir()
	makeDir(t, filepath.Join(root, "agent", config.DataDirName))
	makeDir(t, filepath.Join(root, "agent", "elsewhere"))
	writeFile(t, filepath.Join(root, "agent", config.FileName), "data-dir: elsewhere\nbackup-root: beside\n")
	writeFile(t, filepath.Join(root, "named.yaml"), "data-dir: agent/.neo-ai-data\nbackup-root: named\n")
	for _, c := range []struct {
		name                string
		flags               map[string]string
		file, data, backups string
	}{
		{"Beside", nil, "ROOT/agent/keepsake.yaml", "ROOT/agent/elsewhere", "ROOT/agent/beside"},
		{"BesideTheFlagsDataDir", map[string]string{"data-dir": config.DataDirName}, "ROOT/agent/keepsake.yaml", "ROOT/agent/.neo-ai-data", "ROOT/agent/beside"},
		{"Named", map[string]string{"config": "../named.yaml"}, "ROOT/named.yaml", "ROOT/agent/.neo-ai-data", "ROOT/named"},
		{"NamedWithADataDir", map[string]string{"config": "../named.yaml", "data-dir": "elsewhere"}, "ROOT/named.yaml", "ROOT/agent/elsewhere", "ROOT/named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := config.Load(config.Options{Kinds: keeper.Kinds(), Start: filepath.Join(root, "agent"), Flags: c.flags})
			if err != nil {
				t.Fatal(err)
			}
			got := [3]string{shorten(cfg.File.V, root), shorten(cfg.DataDir.V, root), shorten(cfg.BackupRoot.V, root)}
			if want := [3]string{c.file, c.data, c.backups}; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestNamedFileHasToBeThere(t *testing.T) {
	root, _, err := setting{flags: map[string]string{"config": "gone.yaml"}}.load(t)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want %v", err, fs.ErrNotExist)
	}
	wantError(t, err, root, "read file ROOT/gone.yaml: "+syscall.ENOENT.Error())
}
