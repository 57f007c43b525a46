"""The RAG service: documents in, answers with sources out."""
