"""The model server of the embedded engine: llama.cpp's own HTTP server, from the wheel `xllamacpp`.

It takes llama-server's flags under llama-server's names, so one rendered command line serves a
`llama-server` on PATH, the Docker image and this launcher.
"""
