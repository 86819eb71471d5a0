package provenance

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// Limits on what is read of a repository. A packed-refs of a million refs is 100 MB.
const (
	maxRefFile    = 4 << 10
	maxPackedRefs = 128 << 20
	maxSymrefs    = 5 // as git itself follows
)

// repository is where one work tree keeps its HEAD, and where its refs are.
// gitrepository-layout(5) describes both.
type repository struct {
	gitDir    string // HEAD, and the refs of this work tree alone
	commonDir string // refs/heads, packed-refs
}

// head returns the commit that HEAD of the repository at dir, or above it, points
// at; "" when there is none, or none that can be told.
func head(dir string) string {
	repo, ok := findRepository(dir)
	if !ok {
		return ""
	}
	name := "HEAD"
	for range maxSymrefs {
		text := repo.ref(name)
		target, symbolic := strings.CutPrefix(text, "ref:")
		if !symbolic {
			return sha(text)
		}
		if name = strings.TrimSpace(target); !isRefName(name) {
			return ""
		}
	}
	return ""
}

// findRepository looks for .git in dir and above it.
func findRepository(dir string) (repository, bool) {
	for {
		path := filepath.Join(dir, ".git")
		if info, err := os.Stat(path); err == nil {
			if !info.IsDir() {
				path = linked(dir, path)
			}
			return repository{gitDir: path, commonDir: commonDir(path)}, path != ""
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return repository{}, false
		}
		dir = parent
	}
}

// linked follows the .git file of a work tree or a submodule: "gitdir: PATH".
func linked(dir, path string) string {
	target, ok := strings.CutPrefix(line(path), "gitdir:")
	if !ok {
		return ""
	}
	return join(dir, strings.TrimSpace(target))
}

// commonDir is gitDir, but for a work tree, whose commondir file says where the
// repository is.
func commonDir(gitDir string) string {
	if gitDir == "" {
		return ""
	}
	if common := line(filepath.Join(gitDir, "commondir")); common != "" {
		return join(gitDir, common)
	}
	return gitDir
}

func join(base, path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}

// ref returns what a ref holds: of the work tree first, then of the repository,
// loose before packed.
func (r repository) ref(name string) string {
	for _, dir := range []string{r.gitDir, r.commonDir} {
		if text := line(filepath.Join(dir, filepath.FromSlash(name))); text != "" {
			return text
		}
	}
	return r.packed(name)
}

// packed looks a ref up in packed-refs, whose lines are "SHA NAME".
func (r repository) packed(name string) string {
	data, err := readUpTo(filepath.Join(r.commonDir, "packed-refs"), maxPackedRefs)
	if err != nil {
		return ""
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if id, ref, ok := strings.Cut(lines.Text(), " "); ok && ref == name {
			return id
		}
	}
	return ""
}

// line returns the first line of a small file, "" when there is none.
func line(path string) string {
	data, err := readUpTo(path, maxRefFile)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(first)
}

// isRefName reports whether name is a ref and nothing that would leave the
// repository as a path.
func isRefName(name string) bool {
	return strings.HasPrefix(name, "refs/") && filepath.IsLocal(filepath.FromSlash(name)) && !strings.Contains(name, "..")
}

// sha returns text when it is a whole object name, of SHA-1 or SHA-256, else "".
func sha(text string) string {
	if len(text) != 40 && len(text) != 64 {
		return ""
	}
	for _, c := range []byte(text) {
		if !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return ""
		}
	}
	return text
}
