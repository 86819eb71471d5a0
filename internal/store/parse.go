package store

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrCredentials is returned for an address that carries a user name, a password
// or a query. Tokens come from the environment or from a file, because command
// lines and configurations are seen by others.
var ErrCredentials = errors.New("credentials don't belong in an address")

var (
	hostName       = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)
	collectionName = regexp.MustCompile(`^[A-Za-z0-9._-]{3,512}$`)
)

// ParsePath reads what stands behind the kind of a STORE that is a path. Paths are
// kept as they are; a Windows path needs no escaping.
func ParsePath(kind, rest string) (Ref, error) {
	if strings.TrimSpace(rest) == "" {
		return Ref{}, errors.New(kind + ": no path")
	}
	return Ref{Kind: kind, Path: rest}, nil
}

// ParseServer reads what stands behind the kind of a STORE that is a server:
// http://host:port[/tenant/database][#collection]. Its errors never repeat an
// address, which may hold a secret.
func ParseServer(kind, address string) (Ref, error) {
	if strings.ContainsAny(address, "@?") {
		return Ref{}, fmt.Errorf("chroma: %w", ErrCredentials)
	}
	u, err := url.Parse(address)
	if err != nil {
		// url.Error repeats the address.
		if parse := (*url.Error)(nil); errors.As(err, &parse) {
			err = parse.Err
		}
		return Ref{}, fmt.Errorf("chroma: %w", err)
	}
	ref := Ref{Kind: kind, Scheme: u.Scheme}
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return Ref{}, errors.New("chroma: the address has to begin with http:// or https://")
	}
	if ref.Host, err = ParseHost(u.Hostname()); err != nil {
		return Ref{}, err
	}
	if ref.Port, err = ParsePort(u.Port(), u.Scheme); err != nil {
		return Ref{}, err
	}
	path := u.RawPath // as it was written, where that isn't how it would be escaped
	if path == "" {
		path = u.EscapedPath()
	}
	if ref.Tenant, ref.Database, err = parseDatabase(path); err != nil {
		return Ref{}, err
	}
	if strings.Contains(address, "#") {
		if ref.Collection, err = ParseCollection(u.Fragment); err != nil {
			return Ref{}, err
		}
	}
	return ref, nil
}

// ParseHost reads the name or the address of a server.
func ParseHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		return ip.String(), nil
	}
	if !hostName.MatchString(host) {
		return "", errors.New("chroma: no host, or one that is no name and no address")
	}
	return strings.ToLower(host), nil
}

// ParsePort reads a port. http has no default here: Chroma's 8000 and the web's
// 80 would be two guesses.
func ParsePort(port, scheme string) (int, error) {
	if port == "" && scheme == "https" {
		return 443, nil
	}
	if port == "" {
		return 0, errors.New("chroma: no port; want http://host:port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, errors.New("chroma: the port is no number from 1 to 65535")
	}
	return int(n), nil
}

func parseDatabase(path string) (tenant, database string, err error) {
	if path == "" || path == "/" {
		return "", "", nil
	}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		if parts[i], err = url.PathUnescape(part); err != nil {
			return "", "", errors.New("chroma: the tenant or the database is escaped wrongly")
		}
	}
	if len(parts) != 2 || slices.ContainsFunc(parts, BadSegment) {
		return "", "", errors.New("chroma: want /tenant/database after the port, or nothing")
	}
	return parts[0], parts[1], nil
}

// BadSegment reports whether s would be taken for something else as a part of a
// path in a request.
func BadSegment(s string) bool {
	return s == "" || s == "." || s == ".." || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// ParseCollection reads the name of a collection.
func ParseCollection(name string) (string, error) {
	if !collectionName.MatchString(name) {
		return "", fmt.Errorf("collection %.40q: want 3 to 512 letters, digits, dots, dashes and underscores", name)
	}
	for _, part := range []string{"-shadow-", "-parking-"} {
		if strings.Contains(name, part) {
			return "", fmt.Errorf("collection %.40q: a name with %q is one of Neo's own leftovers, never a source", name, part)
		}
	}
	return name, nil
}
