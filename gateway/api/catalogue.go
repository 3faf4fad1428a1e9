package api

import (
	"context"
	"net/http"
	"strings"

	"samband/schema"
)

// BundleType is the media type of a catalogue bundle.
const BundleType = "application/zip"

// A Bundle is a catalogue bundle. It crosses the wire as it is.
type Bundle []byte

var catalogue = Route{
	Operation: "catalogue", Method: http.MethodGet, Path: "/v1/catalogue/" + hashInPath,
	Paged: true, AnswerType: BundleType, Answer: Bundle(nil),
	Read: func(c *Call) (Action, error) {
		hash, err := schema.ParseBundleHex(c.Hash)
		if err != nil {
			return nil, malformed("the path does not end with a bundle's hash in hex")
		}
		return func(ctx context.Context, s Service) (any, error) { return s.Catalogue(ctx, c.Caller, hash) }, nil
	},
}

// Catalogue fetches a catalogue bundle. One that is not the one asked for is a
// BUNDLE_INVALID, as if the broker had refused.
func (c *Client) Catalogue(ctx context.Context, hash schema.BundleHash) (*schema.Bundle, error) {
	path := strings.Replace(catalogue.Path, hashInPath, hash.Hex(), 1)
	status, header, body, err := c.send(ctx, request{route: &catalogue, path: path, large: true})
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, parseRefusal(status, header, body)
	case mediaType(header.Get("Content-Type")) != BundleType:
		return nil, stray(status)
	}
	bundle, err := schema.ReadBundle(body)
	if err == nil {
		err = bundle.Is(hash)
	}
	if err != nil {
		return nil, RefusalOf(err)
	}
	return bundle, nil
}
