package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"samband/gateway/problem"
)

// The alerts by which a TLS peer turns a certificate away, as crypto/tls words
// them; it does not export their type.
var certificateAlerts = []string{
	"bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
	"unknown certificate", "unknown certificate authority", "certificate required", "access denied",
}

// explain makes of a transport's error one that a caller can act on.
func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil || isDial(err) {
		return unreachable(err)
	}
	if refusesCertificate(err) || c.refused(ctx) {
		return problem.New(problem.CertificateRefused, "the broker turned this desk's certificate away")
	}
	return unreachable(err)
}

// refused asks the broker whether it turns our certificate away. In TLS 1.3 a
// client has finished its handshake before the server looked at its
// certificate, so the server's alert races the request that is already on its
// way and may be lost with the connection. Here we write nothing and listen:
// an HTTP/2 server that takes us speaks first.
func (c *Client) refused(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", c.host)
	if err != nil {
		return refusesCertificate(err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetReadDeadline(deadline)
	}
	_, err = conn.Read(make([]byte, 1))
	return refusesCertificate(err)
}

func refusesCertificate(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" &&
		slices.Contains(certificateAlerts, strings.TrimPrefix(op.Err.Error(), "tls: "))
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// unreachable drops the URL from a transport's error: its query is nobody's
// business in a log.
func unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "443")
}
