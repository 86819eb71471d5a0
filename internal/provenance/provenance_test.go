package provenance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/provenance"
)

const (
	shaA   = "0123456789abcdef0123456789abcdef01234567"
	shaB   = "89abcdef0123456789abcdef0123456789abcdef"
	sha256 = shaA + "0123456789abcdef01234567"
)

// tree writes files below a new folder, by slash path, and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		full := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNeoVersion(t *testing.T) {
	for _, c := range []struct{ name, manifest, want string }{
		{"Neo", `{"name":"neo.mjs","version":"13.1.0","scripts":{}}`, "13.1.0"},
		{"WithoutVersion", `{"name":"x"}`, ""},
		{"NoJSON", `version: 13`, ""},
		{"NumberForVersion", `{"version":13}`, ""},
		{"ListForFile", `[]`, ""},
		{"Empty", ``, ""},
		{"VersionTooLong", `{"version":"` + strings.Repeat("1", 101) + `"}`, ""},
		{"FileTooLong", `{"version":"1.0.0","x":"` + strings.Repeat("x", 4<<20) + `"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, map[string]string{"package.json": c.manifest})
			if got := provenance.Of(filepath.Join(root, ".neo-ai-data")).NeoVersion; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("Absent", func(t *testing.T) {
		if got := provenance.Of(filepath.Join(t.TempDir(), ".neo-ai-data")).NeoVersion; got != "" {
			t.Errorf("got %q, want none", got)
		}
	})
	t.Run("AFolder", func(t *testing.T) {
		root := tree(t, map[string]string{"package.json/x": ""})
		if got := provenance.Of(filepath.Join(root, ".neo-ai-data")).NeoVersion; got != "" {
			t.Errorf("got %q, want none", got)
		}
	})
}

func TestGitSha(t *testing.T) {
	type files = map[string]string
	const packed = "# pack-refs with: peeled fully-peeled sorted\n" + shaB + " refs/heads/main\n" + shaA + " refs/tags/v1\n^" + shaB + "\n"
	for _, c := range []struct {
		name  string
		files files
		want  string
	}{
		{"Loose", files{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": shaA + "\n"}, shaA},
		{"Packed", files{".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": packed}, shaB},
		{"LooseBeforePacked", files{".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": shaA, ".git/packed-refs": packed}, shaA},
		{"PackedNamesAreWhole", files{".git/HEAD": "ref: refs/heads/mai\n", ".git/packed-refs": packed}, ""},
		{"NestedBranch", files{".git/HEAD": "ref: refs/heads/a/b/c\n", ".git/refs/heads/a/b/c": shaA + "\n"}, shaA},
		{"Detached", files{".git/HEAD": shaA + "\n"}, shaA},
		{"SHA256", files{".git/HEAD": sha256 + "\n"}, sha256},
		{"SymbolicTwice", files{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "ref: refs/heads/b\n", ".git/refs/heads/b": shaA}, shaA},
		{"SymbolicLoop", files{".git/HEAD": "ref: refs/heads/a\n", ".git/refs/heads/a": "ref: refs/heads/a\n"}, ""},
		{"WorkTree", files{
			"../repo/.git/worktrees/w/HEAD":      "ref: refs/heads/side\n",
			"../repo/.git/worktrees/w/commondir": "../..\n",
			"../repo/.git/refs/heads/side":       shaB + "\n",
			"../repo/.git/HEAD":                  shaA + "\n",
			".git":                               "gitdir: ../repo/.git/worktrees/w\n",
		}, shaB},
		{"WorkTreePacked", files{
			"../repo2/.git/worktrees/w/HEAD":      "ref: refs/heads/main\n",
			"../repo2/.git/worktrees/w/commondir": "../..\n",
			"../repo2/.git/packed-refs":           packed,
			".git":                                "gitdir: ../repo2/.git/worktrees/w\n",
		}, shaB},
		{"Submodule", files{"../super/.git/modules/m/HEAD": shaA + "\n", ".git": "gitdir: ../super/.git/modules/m\n"}, shaA},
		{"NoRepository", files{"package.json": "{}"}, ""},
		{"UnbornBranch", files{".git/HEAD": "ref: refs/heads/main\n"}, ""},
		{"NoHEAD", files{".git/config": ""}, ""},
		{"EmptyHEAD", files{".git/HEAD": ""}, ""},
		{"ShortSha", files{".git/HEAD": shaA[:39] + "\n"}, ""},
		{"NoHex", files{".git/HEAD": strings.Repeat("g", 40) + "\n"}, ""},
		{"UpperCase", files{".git/HEAD": strings.ToUpper(shaA) + "\n"}, ""},
		{"Garbage", files{".git/HEAD": "\x00\x01\x02"}, ""},
		{"TooLong", files{".git/HEAD": shaA + "\n" + strings.Repeat("x", 5000)}, ""},
		{"Reftable", files{".git/HEAD": "ref: refs/heads/.invalid\n", ".git/reftable/tables.list": ""}, ""},
		{"RefLeavesTheRepository", files{".git/HEAD": "ref: refs/../../secret\n", "secret": shaA + "\n"}, ""},
		{"RefIsNoRef", files{".git/HEAD": "ref: config\n", ".git/config": shaA + "\n"}, ""},
		{"GitFileOfSomethingElse", files{".git": shaA + "\n"}, ""},
		{"GitFileToNowhere", files{".git": "gitdir: ../gone\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inside := map[string]string{}
			for path, content := range c.files {
				inside["agent/"+path] = content
			}
			root := tree(t, inside)
			if err := os.MkdirAll(filepath.Join(root, "agent"), 0o700); err != nil {
				t.Fatal(err)
			}
			got := provenance.Of(filepath.Join(root, "agent", ".neo-ai-data")).GitSha
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRepositoryAbove(t *testing.T) {
	root := tree(t, map[string]string{".git/HEAD": shaA + "\n", "packages/agent/package.json": `{"version":"1.2.3"}`})
	got := provenance.Of(filepath.Join(root, "packages", "agent", ".neo-ai-data"))
	if want := (provenance.Provenance{NeoVersion: "1.2.3", GitSha: shaA}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAgainstGit compares with what git itself says, in a repository that git
// made: packed, detached and in a work tree.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	root := t.TempDir()
	repo, side := filepath.Join(root, "repo"), filepath.Join(root, "side")
	git := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") }),
			"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	check := func(dir string) {
		t.Helper()
		if got, want := provenance.Of(filepath.Join(dir, ".neo-ai-data")).GitSha, git(dir, "rev-parse", "HEAD"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	git(root, "init", "-q", repo)
	git(repo, "commit", "-q", "--allow-empty", "-m", "one")
	check(repo)
	git(repo, "worktree", "add", "-q", "-b", "side", side)
	git(side, "commit", "-q", "--allow-empty", "-m", "two")
	check(side)
	git(repo, "pack-refs", "--all")
	check(repo)
	check(side)
	git(repo, "checkout", "-q", "--detach", "side")
	check(repo)
}
