package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"net/textproto"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// access fills in how a store of vectors is talked to.
func (l *loader) access(to *Declared, e entry) (err error) {
	if to.Token, err = l.token(e); err != nil {
		return err
	}
	if to.Headers, err = l.headers(e.Headers); err != nil {
		return err
	}
	if to.PageRows, err = l.bound(e.PageRows); err != nil {
		return err
	}
	if to.PageBytes, err = l.bound(e.PageBytes); err != nil {
		return err
	}
	if to.Timeout, err = l.timeout(to.Store.V, e.Timeout); err != nil {
		return err
	}
	asked := to.Way.V != WayDirectory // no token goes anywhere when no server is asked
	if s := to.Store.V; asked && to.Token.V.IsSet() && s.Scheme == "http" && !isLoopback(s.Host) {
		l.warn("token-in-the-clear", "the token goes to "+s.Address()+" unencrypted", "use https://, or a tunnel")
	}
	return nil
}

// isLoopback reports whether host is this machine, as far as its name tells.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (l *loader) bound(s scalar) (Value[int], error) {
	text, ok := l.key(s)
	if !ok {
		return Value[int]{0, Source{Kind: FromDefault}}, nil
	}
	return number(text, 1)
}

// timeout returns how long a server may be silent: what its own entry says, else the
// file for all.
func (l *loader) timeout(of store.Ref, own scalar) (Value[time.Duration], error) {
	given := own
	switch server := l.kind(of).Server; {
	case own.given() && !server:
		return Value[time.Duration]{}, l.refuse(own, fmt.Errorf("a %s store has no timeout: it is no server", of.Kind))
	case !server:
		return Value[time.Duration]{}, nil
	case !own.given():
		given = l.file.Timeout
	}
	text, ok := l.key(given)
	if !ok {
		return Value[time.Duration]{store.DefaultTimeout, Source{Kind: FromDefault}}, nil
	}
	d, err := time.ParseDuration(text.V)
	if err == nil && (d < time.Second || d > mostTimeout) {
		err = errors.New("it is out of range")
	}
	if err != nil {
		return Value[time.Duration]{}, &Error{Source: text.Source, Err: fmt.Errorf("%.40q is no time like 90s or 5m, from 1s to 24h", text.V)}
	}
	return Value[time.Duration]{d, text.Source}, nil
}

// mostTimeout is how long a server may be waited for at most.
const mostTimeout = 24 * time.Hour

// token returns the token for a store: the environment's, else that of its own
// file, else that of the file for all.
func (l *loader) token(e entry) (Value[Secret], error) {
	if text, ok := l.env(chromaToken); ok {
		return Value[Secret]{NewSecret(text.V), text.Source}, checkToken(text)
	}
	named := e.TokenFile
	if !named.given() {
		named = l.file.TokenFile
	}
	path, ok := l.key(named)
	if !ok {
		return Value[Secret]{Source: Source{Kind: FromDefault}}, nil
	}
	path, err := l.absolute(path)
	if err != nil {
		return Value[Secret]{}, err
	}
	l.tokens = append(l.tokens, path.V)
	return l.tokenFile(path)
}

// tokenFile reads a token: the whole file but for white space around it.
func (l *loader) tokenFile(path Value[string]) (Value[Secret], error) {
	data, err := readSmall(path.V)
	if err != nil {
		return Value[Secret]{}, &Error{Source: path.Source, Err: fmt.Errorf("read token file %s: %w", path.V, cause(err))}
	}
	text := Value[string]{strings.TrimSpace(string(data)), path.Source}
	if text.V == "" {
		return Value[Secret]{}, &Error{Source: path.Source, Err: fmt.Errorf("read token file %s: the file is empty", path.V)}
	}
	if info, err := os.Stat(path.V); err == nil {
		l.checkMode(path.V, info.Mode())
	}
	return Value[Secret]{NewSecret(text.V), path.Source}, checkToken(text)
}

// checkMode warns about a token that others on this machine can read. Windows
// has no such bits.
func (l *loader) checkMode(path string, mode fs.FileMode) {
	warned := slices.ContainsFunc(l.cfg.Findings, func(f memory.Finding) bool { return f.File == path })
	if runtime.GOOS == "windows" || mode.Perm()&0o077 == 0 || warned {
		return
	}
	l.warn("token-file-open", fmt.Sprintf("the token file %s has mode %04o: others can read it", path, mode.Perm()), "chmod 600 "+path)
	l.cfg.Findings[len(l.cfg.Findings)-1].File = path
}

// checkToken refuses what can't be sent in a header.
func checkToken(text Value[string]) error {
	if strings.ContainsFunc(text.V, unprintable) {
		return &Error{Source: text.Source, Err: errors.New("the token holds white space or control characters")}
	}
	return nil
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// headers returns the extra headers of a store.
func (l *loader) headers(given map[string]scalar) (Value[map[string]Secret], error) {
	headers := Value[map[string]Secret]{Source: Source{Kind: FromDefault}}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		source := l.file.source(given[name])
		value := given[name].text
		if !headerName.MatchString(name) || strings.ContainsFunc(value, unicode.IsControl) {
			return headers, &Error{Source: source, Err: fmt.Errorf("%.40q is no header", name)}
		}
		if headers.V == nil {
			headers.V, headers.Source = map[string]Secret{}, source
		}
		headers.V[textproto.CanonicalMIMEHeaderKey(name)] = NewSecret(value)
	}
	return headers, nil
}
