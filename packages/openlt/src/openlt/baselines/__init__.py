"""What openlt is compared with, where it takes more than another loss, sampler or frozen part."""
