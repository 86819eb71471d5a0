package guard

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"time"
)

// Names of what this tool makes in a backup root. <ts> is UTC with milliseconds,
// ":" written "-", as DESIGN.md of
// package bundle has it: guard knows no other package, and checks for itself.
const (
	bundlePrefix  = "backup-"          // backup-<ts>
	partialPrefix = ".backup-partial-" // .backup-partial-<ts>-<random>
	trashPrefix   = ".backup-trash-"   // .backup-trash-<ts>-<random>
	stampLayout   = "2006-01-02T15-04-05.000Z"
	metaFile      = "bundle-meta.json"
	metaLimit     = 64 << 20
)

// ownFolder reports whether the location is a folder of this tool, directly in the
// backup root: a bundle whose meta is ours and names the folder, or a partial or
// trash by its name. The root alone proves nothing: a caller brings it.
func ownFolder(p location, backupRoot string) bool {
	if !p.isFolder() {
		return false
	}
	root, err := resolve(backupRoot)
	if err != nil || filepath.Dir(p.resolved) != root.resolved {
		return false
	}
	name := filepath.Base(p.resolved)
	if stamp, ok := strings.CutPrefix(name, bundlePrefix); ok {
		return isStamp(stamp) && isOurMeta(p.resolved, stamp)
	}
	for _, prefix := range []string{partialPrefix, trashPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return isStampAndRandom(rest)
		}
	}
	return false
}

// isStamp is exact: "2019" and "before-migration-3" were once taken for dates.
func isStamp(s string) bool {
	t, err := time.Parse(stampLayout, s)
	return err == nil && t.Format(stampLayout) == s
}

func isStampAndRandom(s string) bool {
	if len(s) <= len(stampLayout) || s[len(stampLayout)] != '-' {
		return false
	}
	random := s[len(stampLayout)+1:]
	return isStamp(s[:len(stampLayout)]) && len(random) >= 4 && strings.Trim(random, lettersAndDigits) == ""
}

const lettersAndDigits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isOurMeta reads who made the bundle, and when. Whether it is whole is not
// asked: retention decides what goes, the guard only what is ours.
func isOurMeta(folder, stamp string) bool {
	text, err := readSmall(filepath.Join(folder, metaFile), metaLimit)
	if err != nil {
		return false
	}
	var meta struct {
		Timestamp string
		Keepsake  struct {
			Format int
			Tool   string
			Seal   string
		}
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return false
	}
	k := meta.Keepsake
	return meta.Timestamp == stamp && k.Format > 0 && strings.HasPrefix(k.Tool, "keepsake ") && k.Seal != ""
}
