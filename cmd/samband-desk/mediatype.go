package main

import (
	"net/http"
	"path/filepath"
	"strings"
)

// mediaTypes are the media types of files by the ending of their names. They must not
// depend on what is installed, as those of package mime do.
var mediaTypes = map[string]string{
	"3gp": "video/3gpp", "7z": "application/x-7z-compressed", "aac": "audio/aac", "amr": "audio/amr",
	"avi": "video/x-msvideo", "avif": "image/avif", "bmp": "image/bmp", "bz2": "application/x-bzip2", "csv": "text/csv",
	"doc": "application/msword", "docm": "application/vnd.ms-word.document.macroEnabled.12",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
	"eml":  "message/rfc822", "epub": "application/epub+zip", "flac": "audio/flac", "geojson": "application/geo+json",
	"gif": "image/gif", "gpx": "application/gpx+xml", "gz": "application/gzip", "heic": "image/heic", "heif": "image/heif",
	"htm": "text/html", "html": "text/html", "ics": "text/calendar", "jp2": "image/jp2", "jpeg": "image/jpeg", "jpg": "image/jpeg",
	"json": "application/json", "kml": "application/vnd.google-earth.kml+xml", "kmz": "application/vnd.google-earth.kmz",
	"m4a": "audio/mp4", "m4v": "video/x-m4v", "md": "text/markdown", "mkv": "video/matroska", "mov": "video/quicktime",
	"mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg", "msg": "application/vnd.ms-outlook",
	"nist": "application/octet-stream", "odg": "application/vnd.oasis.opendocument.graphics",
	"odp": "application/vnd.oasis.opendocument.presentation", "ods": "application/vnd.oasis.opendocument.spreadsheet",
	"odt": "application/vnd.oasis.opendocument.text", "oga": "audio/ogg", "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg",
	"p7m": "application/pkcs7-mime", "p7s": "application/pkcs7-signature", "pcap": "application/vnd.tcpdump.pcap",
	"pdf": "application/pdf", "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
	"pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "rar": "application/vnd.rar",
	"rtf": "application/rtf", "svg": "image/svg+xml", "tar": "application/x-tar", "tif": "image/tiff", "tiff": "image/tiff",
	"tsv": "text/tab-separated-values", "txt": "text/plain", "vcf": "text/vcard", "wav": "audio/wav", "weba": "audio/webm",
	"webm": "video/webm", "webp": "image/webp", "wsq": "image/x-wsq", "xhtml": "application/xhtml+xml",
	"xls": "application/vnd.ms-excel", "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
	"xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
	"xps": "application/vnd.ms-xpsdocument", "zip": "application/zip",
}

// mediaType goes by the name's ending, then by the first bytes.
func mediaType(path string, data []byte) string {
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	if t, ok := mediaTypes[ending]; ok {
		return t
	}
	t, _, _ := strings.Cut(http.DetectContentType(data), ";")
	return t
}
