// Package provenance tells which version of the agent's own software stands
// beside a data dir: from its package.json and its git HEAD, read as files. It
// runs nothing, and what it can't tell it leaves empty.
package provenance

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Provenance is what stands beside a data dir. Empty strings are unknown.
type Provenance struct {
	// NeoVersion is "version" of package.json.
	NeoVersion string
	// GitSha is the commit that HEAD points at: 40 or 64 lower-case hex digits.
	GitSha string
}

// Of returns the provenance of the data dir at dataDir, an absolute path:
// package.json is beside it, the repository there or above. Neither is needed,
// so that nothing about them is an error.
func Of(dataDir string) Provenance {
	owner := filepath.Dir(dataDir)
	return Provenance{NeoVersion: packageVersion(filepath.Join(owner, "package.json")), GitSha: head(owner)}
}

// maxVersion bounds what is taken for a version; it goes into every meta.
const maxVersion = 100

func packageVersion(path string) string {
	data, err := readUpTo(path, 4<<20)
	if err != nil {
		return ""
	}
	var manifest struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(data, &manifest) != nil || len(manifest.Version) > maxVersion {
		return ""
	}
	return manifest.Version
}

var errTooLong = errors.New("file is too long")

// readUpTo reads a regular file of at most limit bytes: a device or a pipe in
// its place would never end.
func readUpTo(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, errTooLong
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLong
	}
	return data, err
}
