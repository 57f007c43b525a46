"""A vector store that speaks Qdrant's REST API on the embedded Qdrant Edge engine."""
