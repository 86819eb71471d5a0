package bundle

import (
	"maps"
	"os"
	"sync"

	"keepsake/internal/memory"
)

// sight is what was seen of a bundle that has no hashes: which files, and once
// they were verified what they held.
type sight struct {
	tree *tree

	mu     sync.Mutex
	hashes map[string]string // by path; nil when nothing was verified
}

func (s *sight) set(path, sum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hashes == nil {
		s.hashes = make(map[string]string)
	}
	s.hashes[path] = sum
}

// same reports whether nothing speaks against a file's hash.
func (s *sight) same(path, sum string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hashes == nil || s.hashes[path] == sum
}

// files returns the sizes of a section's files by path.
func (b *Bundle) files(t *tree, section memory.Section) map[string]int64 {
	sizes := make(map[string]int64)
	for _, s := range b.layout(t) {
		if s.spec.Name == section {
			for _, f := range s.files {
				sizes[f.path] = t.files[f.path]
			}
		}
	}
	return sizes
}

// unchanged returns ErrChanged when the files of a section are not those that
// were seen.
func (b *Bundle) unchanged(root *os.Root, s *sectionFiles, seen *sight) error {
	now, err := scan(root, b.limits)
	if err != nil {
		return err
	}
	if !maps.Equal(b.files(now, s.spec.Name), b.files(seen.tree, s.spec.Name)) {
		return ErrChanged
	}
	return nil
}
