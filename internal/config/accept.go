package config

import (
	"fmt"
	"slices"
	"strings"
)

// What a check of doctor may be accepted as, in doctor.accept. A loss is never among
// them: that ends with a restore, or with a backup that accepts it.
const (
	AcceptSameDisk    = "same-disk"
	AcceptWorkTree    = "work-tree"
	AcceptLittleRoom  = "little-room"
	AcceptNoRows      = "no-rows"
	AcceptNotVerified = "not-verified"
	AcceptLegacyFile  = "legacy-file"
)

func acceptable() []string {
	return []string{AcceptSameDisk, AcceptWorkTree, AcceptLittleRoom, AcceptNoRows, AcceptNotVerified, AcceptLegacyFile}
}

// acceptedChecks reads doctor.accept.
func (l *loader) acceptedChecks() error {
	given := l.file.Doctor.Accept
	l.cfg.Doctor.Accept = Value[[]string]{given.texts(), l.listSource(given)}
	for i, word := range given {
		if !slices.Contains(acceptable(), word.text) {
			return l.refuse(word, fmt.Errorf("unknown check %.40q; want %s", word.text, strings.Join(acceptable(), ", ")))
		}
		if slices.Contains(given.texts()[:i], word.text) {
			return l.refuse(word, fmt.Errorf("%s is given twice", word.text))
		}
	}
	return nil
}
